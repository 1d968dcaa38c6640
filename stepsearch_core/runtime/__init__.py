"""What the work runs on: devices, the group of processes, versions of packages, folders of work in
progress.
"""
