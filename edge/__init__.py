"""One process a lane: scale, cameras, recorder ring, plate reading and lane controller into a journal."""
