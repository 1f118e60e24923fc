"""The configuration: read from TOML with every error shown at its place, checked, and made into plugin instances."""

from honeystack.config.errors import ConfigErrors as ConfigErrors
from honeystack.config.errors import Problem as Problem
from honeystack.config.loader import find_config as find_config
from honeystack.config.loader import load_config as load_config
from honeystack.config.loader import parse_config as parse_config
from honeystack.config.model import Config as Config
