"""What the work runs on: devices, process group, versions of packages, folders of work in progress."""
