"""Where `threadline` begins, as the command and as `python -m middleware`."""

import gc


def main() -> None:
    # What is imported stays: looking through it for garbage takes a fifth of the start, and goes on
    # taking its part for as long as the process lives.
    gc.disable()
    from middleware.cli.main import run  # noqa: PLC0415  # under the switch above

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
