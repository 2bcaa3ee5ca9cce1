"Write README.md from nbs/index.ipynb: its prose and its code, with links that fit the top folder (`--check` only compares)"
from pathlib import Path
import json, re, sys

root = Path(__file__).resolve().parent.parent
cells = json.loads((root/'nbs/index.ipynb').read_text(encoding='utf8'))['cells']
texts = [(c['cell_type'], ''.join(c['source']).strip()) for c in cells if not ''.join(c['source']).startswith('#| hide')]
text = '\n\n'.join(t if kind == 'markdown' else f'```python\n{t}\n```' for kind, t in texts) + '\n'
text = re.sub(r'\]\((?!https?:|#)([^)]+)\)', r'](nbs/\1)', text)   # links of the site live in nbs/
text = text.replace('](nbs/../', '](')
readme = root/'README.md'
if '--check' in sys.argv:
    if readme.read_text(encoding='utf8') != text: sys.exit('README.md and nbs/index.ipynb differ: run `make readme`')
    print('README.md agrees with nbs/index.ipynb')
else:
    readme.write_text(text, encoding='utf8')
    print(f'README.md: {len(text.splitlines())} lines')
