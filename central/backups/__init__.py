"""The centre's store on another disk, and back from there: contents by digest, finished and read again or not there."""
