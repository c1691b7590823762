"""Sends numbered rows through the syslog handler of Python's own logging, which numbers and answers nothing.

Comes in: a transport, an address, a run and a number of rows. Goes out: row n as `row n of run`, a warning where n is
odd. Must not send by any other way than the handler.
"""

import argparse
import logging
import socket
import sys
from logging.handlers import SysLogHandler


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transport", choices=["tcp", "udp"], required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--run-id", required=True)
    parser.add_argument("--count", type=int, required=True)
    return parser.parse_args()


def main():
    args = arguments()
    kind = socket.SOCK_STREAM if args.transport == "tcp" else socket.SOCK_DGRAM
    handler = SysLogHandler((args.host, args.port), SysLogHandler.LOG_USER, kind)
    handler.ident = f"{args.run_id}: "
    failures = []
    handler.handleError = failures.append
    logger = logging.getLogger("rows")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    for row in range(args.count):
        logger.log(logging.WARNING if row % 2 else logging.INFO, "row %d of %s", row, args.run_id)
    handler.close()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
