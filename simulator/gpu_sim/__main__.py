"""The command `gpu-sim`, also as `python -m gpu_sim`. It hears signals before anything that takes long is loaded."""

import sys

from .exit_signals import ExitSignals


def main() -> None:
    """Run the command line and exit. What a signal has ended exits as that, whatever was raised or returned since."""
    signals = ExitSignals()
    code, failure = 0, None
    try:
        try:
            signals.listen()
            if sys.argv[1:2] == ["verify"]:  # here, so that it holds from the first instant on
                signals.end_with(2, "Error: interrupted")
            from .cli.main import run  # noqa: PLC0415  # only once signals are heard

            code = run(signals)
        finally:
            signals.close()
    except BaseException as error:  # noqa: BLE001  # raised below, unless a signal is its reason
        failure = error
    signals.close()  # also where a signal came between the end of the command and the first time
    if signals.number is not None:
        begin = "\n" if sys.stderr.isatty() else ""  # a terminal has ^C in this line
        sys.stderr.write(f"{begin}{signals.message}\n")
        code = signals.exit_code
    elif failure is not None:
        raise failure
    sys.exit(code)


if __name__ == "__main__":
    main()
