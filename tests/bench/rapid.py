"""The peer: RapidOCR as its package gives it, whole pictures in, whatever of its lines is a plate out.

Run as `python -m tests.bench.rapid PICTURE...`: one JSON line a picture, so that nothing of it lives in our process.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import cv2
from rapidocr_onnxruntime import RapidOCR

from kernel.plates import classify, normalise


def main() -> None:
    cv2.setNumThreads(1)
    engine = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)
    for path in sys.argv[1:]:
        picture = cv2.imread(path)
        begun = time.process_time_ns()
        lines, _ = engine(picture)
        cpu_ms = (time.process_time_ns() - begun) // 1_000_000
        rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        plates = [(normalise(text), float(score)) for _, text, score in lines or () if classify(text)]
        plates.sort(key=lambda plate: -plate[1])
        print(
            json.dumps({"plates": plates, "cpu_ms": cpu_ms, "rss_mb": rss_mb}, ensure_ascii=False), flush=True
        )


if __name__ == "__main__":
    main()
