"""What stands behind the command line: what the machine offers, JupyterLab, the checks, stored notebooks."""
