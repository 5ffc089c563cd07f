"""PyTorch as a peer of bench:gemm and bench:step: `python torch_peer.py THREADS`, requests and answers as JSON lines."""

import json
import re
import sys
import time

import torch

import torch_models

OPERAND_TABLE = [((index * 7919) % 251) % 16 / 16 - 0.5 for index in range(251)]


def operand(*sizes):
    """The operands of experiments/bench/shapes.ts."""
    count = 1
    for size in sizes:
        count *= size
    return torch.tensor(OPERAND_TABLE).repeat(count // 251 + 1)[:count].reshape(sizes).contiguous()


def gemm(shape):
    match = re.fullmatch(r"(?:(\d+)x\[(\d+)x(\d+)x(\d+)\]|(\d+)x(\d+)x(\d+)|(\d+))(NN|NT|TN|TT)?", shape)
    numbers = [int(text) for text in match.groups()[:8] if text is not None]
    m, k, n = numbers * 3 if len(numbers) == 1 else numbers[-3:]
    batch = numbers[:1] if len(numbers) == 4 else []
    form = match.group(9) or "NN"
    a = operand(*batch, k, m).transpose(-1, -2) if form[0] == "T" else operand(*batch, m, k)
    b = operand(*batch, n, k).transpose(-1, -2) if form[1] == "T" else operand(*batch, k, n)
    c = torch.empty(*batch, m, n)

    def run():
        torch.matmul(a, b, out=c)

    run()
    flat = c.reshape(-1)
    places = [i * (flat.numel() - 1) // 15 for i in range(16)]
    return run, {"probes": [flat[place].item() for place in places]}


def main():
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(1)
    print(
        json.dumps(
            {
                "version": torch.__version__,
                "threads": torch.get_num_threads(),
                "capability": torch.backends.cpu.get_cpu_capability(),
                "mkl": torch.backends.mkl.is_available(),
                "mkldnn": torch.backends.mkldnn.is_available(),
            }
        ),
        flush=True,
    )
    runs = {}
    for line in sys.stdin:
        request = json.loads(line)
        name = request.get("name", "gemm")
        try:
            if request["op"] == "gemm":
                runs[name], answer = gemm(request["shape"])
            elif request["op"] == "open":
                runs[name], answer = torch_models.open_step(request)
            elif request["op"] == "drop":
                runs.clear()
                answer = {}
            else:
                run, calls = runs[name], request["calls"]
                if calls > 1:
                    run()
                start, cpu_start = time.perf_counter(), time.process_time()
                for _ in range(calls):
                    run()
                seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
                answer = {"seconds": seconds / calls, "cpuSeconds": cpu_seconds / calls}
        except Exception as error:  # the benchmark tells it and goes on without this peer
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
