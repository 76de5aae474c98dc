"""What a process costs."""
import os


def cpu(pid):
    """Seconds of CPU that it has used."""
    with open(f"/proc/{pid}/stat", encoding="utf8") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

