"""What `./dev bench` is made of. bench.py is the entrance; tests/bench/README.md has the method."""
