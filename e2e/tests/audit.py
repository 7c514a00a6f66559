"""Compares what lies in a data folder with the rows of its database: nothing may be missing, nothing left over."""

import os
import sqlite3
import subprocess
import time

from kinora_server import files_below, wait_for

# Each answers rows that must not be there when nothing is under way.
LEFT_OVER = {
    "files that nothing uses": """SELECT id FROM files f WHERE NOT EXISTS (SELECT 1 FROM parts p WHERE p.file = f.id)
        AND NOT EXISTS (SELECT 1 FROM upload_parts u WHERE u.file = f.id)""",
    "objects without a name that are not retired": """SELECT id FROM objects o WHERE retired_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM names n WHERE n.object = o.id)""",
    "retired objects": "SELECT id FROM objects WHERE retired_at IS NOT NULL AND held = 0",
    "objects that are held wrongly": """SELECT id FROM objects o WHERE held <>
        (SELECT COUNT(*) FROM titles t WHERE t.source_object = o.id AND t.source_held)""",
    "sources that are held for no work": """SELECT id FROM titles t WHERE source_held AND NOT EXISTS
        (SELECT 1 FROM jobs j WHERE j.title = t.id AND j.state IN ('queued', 'running'))""",
    "room promised for no work": """SELECT id FROM generations g WHERE promised AND NOT complete AND NOT EXISTS
        (SELECT 1 FROM jobs j WHERE j.title = g.title AND j.state IN ('queued', 'running'))""",
    "chunks without an object": """SELECT c.object FROM chunks c WHERE NOT EXISTS
        (SELECT 1 FROM objects o WHERE o.id = c.object AND o.retired_at IS NULL)""",
    "titles without their source": """SELECT t.id FROM titles t WHERE source_dropped_at IS NULL AND NOT EXISTS
        (SELECT 1 FROM objects o WHERE o.id = t.source_object)""",
    "jobs without a title": "SELECT id FROM jobs WHERE title IS NOT NULL AND title NOT IN (SELECT id FROM titles)",
    "groups without a title": "SELECT id FROM job_groups WHERE title IS NOT NULL AND title NOT IN (SELECT id FROM titles)",
    "jobs that neither ended nor say why": """SELECT id FROM jobs WHERE state NOT IN ('done', 'failed', 'cancelled')
        OR (state <> 'done' AND COALESCE(cause, '') = '')""",
    "open groups": "SELECT id FROM job_groups WHERE state = 'open'",
    "titles that neither ended nor say why": """SELECT id FROM titles WHERE state NOT IN ('published', 'failed', 'rejected')
        OR (state <> 'published' AND COALESCE(reason, '') = '')""",
    "deleted titles": "SELECT id FROM titles WHERE deleted_at IS NOT NULL",
    "events that nobody handled": "SELECT event FROM event_deliveries WHERE handled_at IS NULL",
    "parts of uploads": "SELECT upload FROM upload_parts",
    "uploads that are complete and do not say so": """SELECT b.id FROM browser_uploads b JOIN uploads u ON u.id = b.id
        WHERE u.object IS NOT NULL AND b.completed_at IS NULL""",
}
MEDIA = """SELECT {hex} FROM names n WHERE bucket = 'media' AND NOT EXISTS
    (SELECT 1 FROM chunks c WHERE c.object = n.object)"""
GENERATIONS = "SELECT id FROM generations"


def rows(kinora, sql):
    """The first column of what a query finds, as text."""
    if not kinora.database:
        database = sqlite3.connect(f"file:{kinora.data / 'kinora.db'}?mode=ro", uri=True, timeout=30)
        try:
            return [str(row[0]) for row in database.execute(sql)]
        finally:
            database.close()
    done = subprocess.run(["psql", "-qAt", kinora.database, "-c", sql], check=True, capture_output=True, text=True)
    return done.stdout.split()


def findings(kinora):
    """What is wrong, in words; an empty list when all is in order."""
    found = [f"{what}: {hits}" for what, sql in LEFT_OVER.items() if (hits := rows(kinora, sql))]
    hex = "encode(key, 'hex')" if kinora.database else "hex(key)"
    generations = set(rows(kinora, GENERATIONS))
    for key in rows(kinora, MEDIA.format(hex=hex)):
        name = bytes.fromhex(key).decode()
        generation, file = name.split("/")[1], name.rsplit(".", 1)[-1]
        if generation not in generations or file in ("cmf", "vtt"):
            found.append(f"an object that no title names: {name}")
    objects = [path for path in files_below(kinora.data / "objects") if path.name != "id"]
    named = set(rows(kinora, "SELECT id FROM files"))
    there = {path.name for path in objects if path.parent.name == path.name[:2]}
    found += [f"half-written: {path}" for path in objects if path.parent.name != path.name[:2]]
    found += [f"a row without its file: {id}" for id in sorted(named - there)]
    found += [f"a file without a row: {id}" for id in sorted(there - named)]
    for left in (kinora.data / "scratch", kinora.data / "keys"):
        found += [f"left over: {path}" for path in files_below(left) if left.name != "keys" or path.suffix == ".new"]
    return found


def audit(kinora, timeout=120):
    """Gives the sweepers their turn, as if some hours had gone by, and says what is wrong after that."""
    for upload in open_uploads(kinora):
        kinora.boto().abort_multipart_upload(**upload)
    kinora.stop()
    before = time.time() - 3 * 3600
    for path in files_below(kinora.data / "objects") + files_below(kinora.data / "keys"):
        os.utime(path, (before, before))
    kinora.start(in_place=True)
    wait_for(lambda: not findings(kinora), timeout, every=1, why=lambda: "\n".join(findings(kinora)))
    doctor = {check["name"]: check for check in kinora.json_of_doctor()["checks"]}
    assert doctor["objects"]["ok"] and "no others" in doctor["objects"]["finding"], doctor["objects"]


def open_uploads(kinora):
    s3 = kinora.boto()
    for bucket in s3.list_buckets()["Buckets"]:
        for upload in s3.list_multipart_uploads(Bucket=bucket["Name"]).get("Uploads", []):
            yield {"Bucket": bucket["Name"], "Key": upload["Key"], "UploadId": upload["UploadId"]}
