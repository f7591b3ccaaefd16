"""How much of a process's CPU time goes into waiting for locks that another thread holds, by perf's samples."""

import os
import re
import select
import shutil
import signal
import subprocess

from harness.errors import BenchError, NotApplicable

# A lock that is free is taken without any of these; one that is not leads into them, in the library or the kernel.
CONTENDED = re.compile(r'\b(__lll_lock_w\w+|\w*futex\w*|native_queued_spin_lock_slowpath|LockSlow\w*)\b')
SAMPLES_A_SECOND = 1999
FEWEST_SAMPLES = 20


def share_while(pid, folder, run):
    """The percentage of samples within contended locks while run() runs. `folder`: an empty one, for perf's files."""
    if shutil.which('perf') is None:
        raise NotApplicable('perf is not installed')
    data_file = os.path.join(folder, 'data')
    control, answers = (os.path.join(folder, name) for name in ('control', 'answers'))
    os.mkfifo(control)
    os.mkfifo(answers)
    command = ['perf', 'record', '-q', '-g', '-e', 'cpu-clock', f'-F{SAMPLES_A_SECOND}', '-o', data_file,
               '-p', str(pid), '-D', '-1', f'--control=fifo:{control},{answers}']
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as recorder:
        # Both ends are opened for reading and writing, so that nothing hangs where perf has refused.
        with open(control, 'r+b', buffering=0) as orders, open(answers, 'r+b', buffering=0) as acks:
            orders.write(b'enable\n')
            while not select.select([acks], [], [], 0.05)[0] and recorder.poll() is None:
                pass
            if recorder.poll() is None:
                run()
                recorder.send_signal(signal.SIGINT)
        complaint = recorder.communicate()[1]
    script = subprocess.run(['perf', 'script', '-i', data_file, '-F', 'comm,ip,sym'], capture_output=True, text=True,
                            errors='replace', check=False)
    if script.returncode != 0:
        raise NotApplicable(f'perf cannot sample: {(complaint or script.stderr).strip().partition(chr(10))[0]}')
    return share_of(script.stdout)


def share_of(text):
    """`text`: stacks of samples, separated by empty lines."""
    stacks = [stack for stack in text.split('\n\n') if stack.strip()]
    if len(stacks) < FEWEST_SAMPLES:
        raise BenchError(f'perf took {len(stacks)} samples; that is too few to tell anything')
    return 100 * sum(CONTENDED.search(stack) is not None for stack in stacks) / len(stacks)
