"`python -m mlops_nb` is `mlops-nb`"
from mlops_nb.cli.main import main

main(prog_name='mlops-nb')
