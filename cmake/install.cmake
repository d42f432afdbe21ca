# Headers, libraries, pkg-config and CMake package files.
