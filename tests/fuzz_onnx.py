"""`python -m tests.fuzz_onnx [seconds] [seed]`: damaged ONNX files until the time is over; the first that breaks the rules is kept."""

from __future__ import annotations

import faulthandler
import sys
import time
import traceback
from pathlib import Path

import localgrad as lg
from localgrad.graph.errors import ImportModelError
from tests.onnx_damage import damaged, models

SLOW = 10.0


def main(seconds: float, seed: int) -> int:
    """Read files until the time is over; 1 where one brought another error than ours, or took too long."""
    whole = models()
    names = list(whole)
    print(f"from seed {seed}, for {seconds:.0f} s, with {len(names)} models", flush=True)
    end, first, loaded = time.monotonic() + seconds, seed, 0
    while time.monotonic() < end:
        content = damaged(whole[names[seed * 7919 % len(names)]], seed)
        begin = time.monotonic()
        print(f"\rseed {seed}", end="", flush=True)  # the last word of a run that hangs
        faulthandler.dump_traceback_later(3 * SLOW, exit=True)
        try:
            lg.load_onnx(content)
            loaded += 1
        except ImportModelError:
            pass
        except Exception:
            return _failed(content, seed, traceback.format_exc())
        finally:
            faulthandler.cancel_dump_traceback_later()
        if time.monotonic() - begin > SLOW:
            return _failed(content, seed, f"took {time.monotonic() - begin:.1f} s")
        seed += 1
    print(f"\r{seed - first:,} files up to seed {seed - 1}: {loaded:,} loaded, the others were told")
    return 0


def _failed(content: bytes, seed: int, why: str) -> int:
    path = Path(f"fuzz-{seed}.onnx")
    path.write_bytes(content)
    print(f"{why}\nseed {seed}; the file is kept as {path}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    given = [float(each) for each in sys.argv[1:3]]
    sys.exit(main(given[0] if given else 300.0, int(given[1]) if len(given) > 1 else int(time.time())))
