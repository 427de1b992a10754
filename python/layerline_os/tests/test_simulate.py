"""The program of known behaviour does what it says."""

import json
import subprocess
import sys
import unittest

from layerline_os import simulate


class Simulate(unittest.TestCase):
    def test_says_what_it_did(self) -> None:
        run = subprocess.run([sys.executable, simulate.__file__], capture_output=True, text=True, check=True)
        said = json.loads(run.stdout)
        self.assertEqual(said["mmap_calls"], simulate.MAPS + simulate.LOCKS)
        self.assertEqual(said["read_bytes"], simulate.READS * simulate.READ_BYTES)
        # A fault for each page that was touched, and those of the interpreter.
        touched = simulate.MAPS * simulate.MAP_PAGES
        self.assertGreaterEqual(said["minor_faults"], touched)
        self.assertLess(said["minor_faults"], touched * 2)


if __name__ == "__main__":
    unittest.main()
