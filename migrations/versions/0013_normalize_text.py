"""normalize titles, descriptions and tags to NFC, and drop the loose dot of a tag's Turkish i

A changed task gets a new version, since its content has a new ETag and sync clients must get it.
`updated_at` stays. Equal tags of a task become one. A text that would exceed its limit stays as it
is, because NFC lengthens a few letters. So does a title without a visible character: it is text.
So does a task whose description has over 30 combining marks in a row: to normalize 10,000 of them
takes a second. So does what is newer than an erasure that is under way: finish it before, with
`flask tasks purge`.

Each batch is a transaction of one user, which locks their account like any write. An interrupted
run continues where it ended. Code of revision 0012 can serve while this is deployed. What it writes
meanwhile is not normalized: `flask db downgrade 0012` and another upgrade do it. Retries with an
Idempotency-Key of bodies that are not in NFC are a 422 if the old code served the first attempt.
"""

from unicodedata import combining

from alembic import op

revision = "0013"
down_revision = "0012"

BATCH = 500
LAST = 0x20000  # no mark is beyond, and to search all of Unicode takes 50 ms
MARKS = "".join(f"\\U{mark:08x}" for mark in range(LAST) if combining(chr(mark)))
HAS_MANY_MARKS = f"description ~ '[{MARKS}]{{31}}'"
TITLE = "CASE WHEN char_length(normalize(title)) <= 200 THEN normalize(title) ELSE title END"
DESCRIPTION = (
    "CASE WHEN char_length(normalize(description)) <= 10000"
    " THEN normalize(description) ELSE description END"
)
TAG = r"normalize(regexp_replace(normalize(old), 'i\u0307+', 'i', 'g'))"
TAGS = (
    f"ARRAY(SELECT CASE WHEN char_length({TAG}) <= 50 THEN {TAG} ELSE old END AS new"  # noqa: S608
    " FROM unnest(tags) WITH ORDINALITY AS tag(old, place) GROUP BY new ORDER BY min(place))"
)
NORMALIZE = f"""
DO $$
DECLARE
    batch record;
BEGIN
    FOR batch IN
        SELECT user_id, array_agg(id) AS ids FROM (
            SELECT user_id, id, row_number() OVER (PARTITION BY user_id) / {BATCH} AS number
            FROM tasks
            -- The second condition is three times as fast as the third.
            WHERE CASE WHEN {HAS_MANY_MARKS} THEN false
                WHEN concat_ws(' ', title, description, tags) IS NOT NFC NORMALIZED
                    OR tags::text ~ 'i\\u0307'
                THEN (title, description, tags) IS DISTINCT FROM ({TITLE}, {DESCRIPTION}, {TAGS})
                ELSE false END
        ) AS old GROUP BY user_id, number ORDER BY user_id, number
    LOOP
        INSERT INTO accounts (user_id, version)  -- missing for tasks from before migration 0005
        SELECT batch.user_id, 0
        WHERE NOT EXISTS (SELECT FROM accounts WHERE user_id = batch.user_id)
            AND EXISTS (SELECT FROM tasks WHERE user_id = batch.user_id)
        ON CONFLICT DO NOTHING;

        -- An erasure that is under way would spare a task with a new version.
        WITH account AS (
            UPDATE accounts SET version = version + 1
            WHERE user_id = batch.user_id AND erased_version IS NULL
            RETURNING version
        )
        UPDATE tasks
        SET title = {TITLE}, description = {DESCRIPTION}, tags = {TAGS}, version = account.version
        FROM account WHERE user_id = batch.user_id AND id = ANY (batch.ids);

        COMMIT;
    END LOOP;
END $$
"""  # noqa: S608 -- made of constants


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET default_transaction_isolation = 'read committed'")  # for --sql
        op.execute("SET statement_timeout = 0")  # to PostgreSQL the batches are one statement
        op.execute(NORMALIZE)


def downgrade() -> None:
    """Nothing: older code reads the text."""
