"""How much of a process's CPU time goes into waiting for locks that another thread holds, by perf's samples."""

import re
import shutil
import signal
import subprocess

from harness.errors import BenchError, NotApplicable

# A lock that is free is taken without any of these; one that is not leads into them, in the library or the kernel.
CONTENDED = re.compile(r'\b(__lll_lock_w\w+|\w*futex\w*|native_queued_spin_lock_slowpath|LockSlow\w*)\b')
SAMPLES_A_SECOND = 1999
FEWEST_SAMPLES = 50


def share_while(pid, data_file, run):
    """The percentage of samples within contended locks while run() runs."""
    if shutil.which('perf') is None:
        raise NotApplicable('perf is not installed')
    command = ['perf', 'record', '-q', '-g', '-e', 'cpu-clock', f'-F{SAMPLES_A_SECOND}', '-o', data_file, '-p',
               str(pid)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as recorder:
        try:
            run()
        finally:
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
