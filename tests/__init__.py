from pathlib import Path

NOT_NEW = (".*", "instance", "node_modules", "*.pyc.*")
"""Names to leave out of a copy of the checkout, for `shutil.ignore_patterns`."""
ROOT = Path(__file__).parents[1]
SECRET = "test-only-secret-0123456789abcdefghij"
