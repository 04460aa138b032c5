# STYLE: the build is silent; CI makes a warning an error (-DSYNCBED_WERROR=ON).
option(SYNCBED_WERROR "treat warnings as errors" OFF)

set(SYNCBED_WARNINGS
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wcast-qual -Wwrite-strings -Wpointer-arith -Wundef -Wvla -Wformat=2
    -Wswitch-enum -Wnull-dereference -Wimplicit-fallthrough)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    list(APPEND SYNCBED_WARNINGS -Wimplicit-fallthrough=3 -Wduplicated-cond -Wduplicated-branches
         -Wlogical-op)
endif()
if(SYNCBED_WERROR)
    list(APPEND SYNCBED_WARNINGS -Werror)
endif()
