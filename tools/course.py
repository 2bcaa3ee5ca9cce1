"""Write what the course hands out into mlops_nb/_course/: the editions of each lesson, and what its checks need.

    python tools/course.py [--out FOLDER]      (`make` does it, and so does every installation: setup.py)

Nothing is written where one mark cannot be right, or a solution leaks. The standard library is all that this needs.
"""
from argparse import ArgumentParser
from pathlib import Path
import json, os, sys

root = Path(__file__).resolve().parent.parent
if str(root) not in sys.path: sys.path.insert(0, str(root))

from mlops_nb.course.editions import as_text, lesson_files
from mlops_nb.course.marks import read_lesson

ORDER = [  # the lessons of the course, in the order in which a student takes them: notebooks below nbs/
    '00_start/1_tour.ipynb',
    '01_core/1_rules.ipynb',
    '03_data/1_flights.ipynb',
    '04_models/1_signature.ipynb',
    '08_drift/1_distance.ipynb',
]


def name_of(path): return Path(path).stem.partition('_')[2]


def texts(nbs=root/'nbs', order=ORDER):
    "Every file of the course, below its folder, with its text"
    notebooks = {path: json.loads((nbs/path).read_text(encoding='utf8')) for path in order}
    lessons = [read_lesson(nb, name_of(path), path) for path, nb in notebooks.items()]
    found = {}
    for lesson in lessons: found |= lesson_files(notebooks[lesson['notebook']], lesson, *(other for other in lessons if other is not lesson))
    return found | {'lessons.json': as_text(dict(schema=1, lessons=[lesson['name'] for lesson in lessons]))}


def build(out=root/'mlops_nb'/'_course', nbs=root/'nbs', order=ORDER):
    "Write the files of the course, each whole or not at all, and remove what is no part of it any more; how many there are"
    files = texts(nbs, order)
    for name, text in files.items():
        path = Path(out)/name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f'.{path.name}.{os.getpid()}')
        new.write_text(text, encoding='utf8', newline='\n')
        new.replace(path)
    for path in [p for p in Path(out).rglob('[!.]*') if p.is_file() and p.relative_to(out).as_posix() not in files]: path.unlink()
    return len(files)


def main():
    args = ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument('--out', type=Path, default=root/'mlops_nb'/'_course', help='folder to write')
    args = args.parse_args()
    try: n = build(args.out)
    except ValueError as e: sys.exit(str(e))
    print(f'{n} files of the course in {os.path.relpath(args.out)}')


if __name__ == '__main__': main()
