"""`python -m layerscope` is the command line."""

from layerscope.cli.main import main

if __name__ == "__main__":
    main()
