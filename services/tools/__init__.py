"""For trying and measuring: benchmarks, a made-up city, a demo, simulated histories. Nothing that
serves imports it, but for the demo of `guidui run --demo`.
"""
