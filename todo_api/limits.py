"""The limits and choices of the API. models.py repeats those of stored values as constraints."""

MAX_ID = 2**53 - 1  # JavaScript's largest exact integer
MAX_TITLE_LENGTH = 200
MAX_DESCRIPTION_LENGTH = 10_000
MAX_USER_ID_LENGTH = 255
PRIORITIES = ("low", "medium", "high")
"""By rank, the lowest first."""
MAX_TAGS = 10
MAX_TAG_LENGTH = 50
MAX_PAGE_SIZE = 500
DEFAULT_PAGE_SIZE = 100
MAX_SEARCH_LENGTH = 200
MAX_IDS = 100  # of tasks that one request changes
MAX_TASKS_PER_USER = 100_000  # unless the setting says otherwise
MAX_AT_ONCE = 1_000  # tasks that one request moves to the trash, restores or erases
MAX_PRIORITIES = 10
MAX_COUNTED_TAGS = 50
MAX_PAGE_CHARACTERS = 1_000_000  # of descriptions; the default page never has more
MAX_BODY_BYTES = 128 * 1024
MAX_QUERY_BYTES = 6_480  # and the longest cursor, on a line that gunicorn.conf.py limits
STATUSES = {"all": None, "active": False, "pending": False, "completed": True, "deleted": None}
"""Each status of the filter, and the value of `completed` that it asks for."""
IN_TRASH = "deleted"
"""The status of the tasks in the trash. All others leave these out."""
MAX_KEY_LENGTH = 255
MAX_POSITION_DECIMALS = 46  # so a position has at most 17 + 1 + 46 characters
MAX_POSITION_LENGTH = 64
MAX_ENTITY_TAGS = 100  # of an If-Match or If-None-Match
