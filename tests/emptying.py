"""What a test has committed is gone after it.

Django's own flush truncates all tables and makes all rights anew. Truncating is dear, too: each table and each index gets
a new file, and so do those of all tables that refer to it. Most tests write a few rows to two dozen tables, and none to
those of content types and rights.
"""

from django.db import connection, transaction

_KEPT = {"django_content_type", "auth_permission"}
_FEW = 1000


def empty_tables() -> None:
    """Few rows are deleted; many are truncated, lest their remains slow down the tests that follow."""
    tables = set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - _KEPT
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(_counted(table) for table in sorted(tables)))
        found = cursor.fetchall()
        if few := [f'DELETE FROM "{table}"' for table, rows in found if rows <= _FEW]:
            # As a replica, which asks neither foreign keys nor the trigger that keeps movements from being deleted.
            cursor.execute("; ".join(["SET LOCAL session_replication_role = replica", *few]))
        if many := [f'"{table}"' for table, rows in found if rows > _FEW]:
            cursor.execute(f"TRUNCATE {', '.join(many)} CASCADE")


def _counted(table: str) -> str:
    """A table that has rows, and how many; no further than need be."""
    return f"(SELECT '{table}', count(*) FROM (SELECT FROM \"{table}\" LIMIT {_FEW + 1}) AS rows HAVING count(*) > 0)"


def as_if_new() -> None:
    """The connection has nothing SET, locked or prepared by the test; it still knows the tables, which is dear to learn."""
    with connection.cursor() as cursor:
        cursor.execute("RESET ALL; SELECT pg_advisory_unlock_all()")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        transaction.set_rollback(True)  # after which psycopg prepares its statements anew
