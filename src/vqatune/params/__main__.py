"""`python -m vqatune.params`: check params.yaml before DVC reads it, whose messages do not name a parameter."""

import sys

from vqatune.errors import ParameterError
from vqatune.params import load_params

try:
    load_params()
except ParameterError as error:
    sys.exit(f"error: {error}")
