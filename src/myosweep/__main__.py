"""``python -m myosweep``, and with it ``torchrun ... -m myosweep``."""

from myosweep.cli import main

if __name__ == "__main__":
    main()
