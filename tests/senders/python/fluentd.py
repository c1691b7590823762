"""Sends numbered rows through Fluent's own library for Python, which asks for no answer.

Comes in: an address, a run and a range of numbers. Goes out: the rows as tests/senders/README.md says, and exit code 0
only when the library gave every one of them to its socket. Must not send by any other way than the library.
"""

import argparse
import sys

from fluent.sender import EventTime, FluentSender


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--run-id", required=True)
    parser.add_argument("--first", type=int, default=0, help="the number of the first row")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--start-nanos", type=int, required=True, help="the time of row 0")
    return parser.parse_args()


def record(run, row):
    return {
        "message": f"row {row} of {run}",
        "run.id": run,
        "row.id": str(row),
        "row.number": row,
        "row.half": row / 2 + 0.25,
        "row.odd": row % 2 == 1,
        "row.tags": ["a", "b"],
    }


def main():
    args = arguments()
    sender = FluentSender("senders", host=args.host, port=args.port, nanosecond_precision=True)
    failed = 0
    for row in range(args.first, args.first + args.count):
        time = EventTime.from_unix_nano(args.start_nanos + row * 1_000_001)
        failed += not sender.emit_with_time("row", time, record(args.run_id, row))
    sender.close()
    print(f"{failed} rows failed: {sender.last_error}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
