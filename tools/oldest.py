"Print the oldest version of each run-time and lab requirement of settings.ini, as pip constraints"
from configparser import ConfigParser
from pathlib import Path
import re

ini = ConfigParser(delimiters=['='])
ini.read(Path(__file__).parent.parent/'settings.ini', encoding='utf8')
cfg = ini['DEFAULT']
for requirement in (cfg['requirements'] + ' ' + cfg['lab_requirements']).split():
    name, oldest = re.fullmatch(r'([\w-]+)>=([\d.]+).*', requirement).groups()
    print(f'{name}=={oldest}')
