"Print the oldest version of each requirement of settings.ini but those of development, as pip constraints"
from configparser import ConfigParser
from pathlib import Path
import re

ini = ConfigParser(delimiters=['='])
ini.read(Path(__file__).parent.parent/'settings.ini', encoding='utf8')
cfg = ini['DEFAULT']
for requirement in ' '.join(cfg[f'{kind}requirements'] for kind in ('', 'lab_', 'postgres_', 's3_', 'mlflow_')).split():
    name, oldest = re.fullmatch(r'([\w-]+)>=([\d.]+).*', requirement).groups()
    print(f'{name}=={oldest}')
