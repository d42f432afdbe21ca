/* Included before every file that clang-tidy looks at. Its analyser sees one file at a time, and so does not know that
   these functions return the failure that they were given; without this it follows paths that go on after an error. */
#include "base/error.h"

#define coax_fail(error, status, ...) (coax_fail(error, status, __VA_ARGS__), (status))
#define coax_fail_memory(error) (coax_fail_memory(error), COAX_E_NO_MEMORY)
