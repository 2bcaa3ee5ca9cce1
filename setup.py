"Build from settings.ini, the one place of names, versions and requirements; the chapters and the course travel inside the wheel."
from configparser import ConfigParser
from pathlib import Path
import runpy, shutil

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

here = Path(__file__).parent
ini = ConfigParser(delimiters=['='])
ini.read(here/'settings.ini', encoding='utf8')
cfg = ini['DEFAULT']


def write_course(package):
    "Write the editions of the lessons and their checks into the package, by what this very tree says"
    runpy.run_path(str(here/'tools'/'course.py'))['build'](package/'_course')


class WithChapters(build_py):
    "Copy the notebooks, their pictures and their figures into the package, where `mlops-nb tour` and `mlops-nb lab` find them; write the course"
    def run(self):
        super().run()
        if getattr(self, 'editable_mode', False): return write_course(here/'mlops_nb')
        write_course(Path(self.build_lib)/'mlops_nb')
        target = Path(self.build_lib)/'mlops_nb'/'_chapters'
        shutil.rmtree(target, ignore_errors=True)
        for nb in sorted(p for p in (here/'nbs').rglob('*') if p.suffix in ('.ipynb', '.json', '.png', '.svg')):
            rel = nb.relative_to(here/'nbs')
            if any(part[0] in '._' for part in rel.parts): continue
            (target/rel).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(nb, target/rel)


def extra(name): return cfg[f'{name}_requirements'].split()


setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'], keywords=cfg['keywords'].split(),
    license='Apache-2.0', license_files=['LICENSE'], author=cfg['author'], url=cfg['git_url'],
    long_description=(here/'README.md').read_text(encoding='utf8'), long_description_content_type='text/markdown',
    classifiers=['Development Status :: 3 - Alpha', 'Intended Audience :: Developers', 'Intended Audience :: Education',
                 'Programming Language :: Python :: 3', 'Topic :: Scientific/Engineering :: Artificial Intelligence'],
    python_requires=f">={cfg['min_python']}", install_requires=cfg['requirements'].split(),
    extras_require={name: extra(name) for name in ('lab', 'postgres', 's3', 'mlflow', 'dev')},
    packages=find_packages(include=['mlops_nb', 'mlops_nb.*']), package_data={'mlops_nb': ['_flights/*']},
    entry_points={'console_scripts': cfg['console_scripts'].split(), 'nbdev': [f"{cfg['lib_name']}={cfg['lib_path']}._modidx:d"]},
    cmdclass={'build_py': WithChapters}, zip_safe=False)
