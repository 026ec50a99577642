"""What `guidui bench` measures; every figure stands beside what it is compared with, from the same run."""
