"""``python -m asperity``: the command line where no script was installed."""

from asperity.cli import main

if __name__ == "__main__":
    main()
