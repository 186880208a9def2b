"""The settings, under the name that Flask projects use. `todo_api/config.py` defines them.

The package does not import this module: another project's own `config.py` would hide it.
"""

from todo_api.config import Config, ConfigError

__all__ = ["Config", "ConfigError"]
