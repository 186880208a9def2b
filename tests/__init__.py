from pathlib import Path

ROOT = Path(__file__).parents[1]
SECRET = "test-only-secret-0123456789abcdefghij"
