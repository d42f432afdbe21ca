# One test program for each x_test.c, linked with the static library, so that internal functions can be reached.
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

function(coax_add_test source)
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    # Shared libraries must hear what a test defines: its clock, its options for the sanitizer.
    set_target_properties(${name} PROPERTIES C_VISIBILITY_PRESET default)
    target_include_directories(${name} PRIVATE src tests)
    target_link_libraries(${name} PRIVATE coax_flags coax_static PkgConfig::CMOCKA PkgConfig::GNUTLS PkgConfig::NETTLE PkgConfig::JANSSON PkgConfig::LIBCBOR)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endfunction()

foreach(source ${COAX_TEST_SOURCES})
    if(NOT source MATCHES "/src/cli/")
        coax_add_test(${source})
    endif()
endforeach()

# Whole stacks on a network in memory.
add_library(coax_sim STATIC tests/sim/network.c tests/sim/exchange.c)
set_target_properties(coax_sim PROPERTIES C_VISIBILITY_PRESET default)
target_include_directories(coax_sim PUBLIC src tests)
target_link_libraries(coax_sim PUBLIC coax_flags coax_static PkgConfig::GNUTLS)
file(GLOB COAX_SIM_SOURCES CONFIGURE_DEPENDS tests/sim/*_test.c)
if(COAX_SANITIZE)
    list(FILTER COAX_SIM_SOURCES EXCLUDE REGEX "steady_test") # its pools are plain allocations there
else()
    set(COAX_WRAP_STEADY steady_test)
endif()
foreach(source ${COAX_SIM_SOURCES})
    coax_add_test(${source})
    get_filename_component(name ${source} NAME_WE)
    target_link_libraries(${name} PRIVATE coax_sim)
endforeach()

if(COAX_CLI_SOURCES)
    include(${CMAKE_CURRENT_LIST_DIR}/cli_tests.cmake)
endif()
foreach(name allocation_test ${COAX_WRAP_STEADY})
    target_link_options(${name} PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup)
endforeach()
