# One test program for each src/cli/x_test.c. All of the command but main() is in one archive, from which each test
# takes what it needs.
set(COAX_CLI_TESTED ${COAX_CLI_SOURCES})
list(FILTER COAX_CLI_TESTED EXCLUDE REGEX "/main\\.c$")

add_library(coax_cli STATIC ${COAX_CLI_TESTED})
target_include_directories(coax_cli PUBLIC src)
target_compile_definitions(coax_cli PUBLIC COAX_VERSION="${PROJECT_VERSION}")
target_link_libraries(coax_cli PUBLIC coax_flags coax_static PkgConfig::JANSSON PkgConfig::LIBCBOR)

foreach(source ${COAX_TEST_SOURCES})
    if(source MATCHES "/src/cli/")
        coax_add_test(${source})
        get_filename_component(name ${source} NAME_WE)
        target_link_libraries(${name} PRIVATE coax_cli)
    endif()
endforeach()
