# One libFuzzer program for each tests/fuzz/*_fuzz.c.
file(GLOB COAX_FUZZ_SOURCES CONFIGURE_DEPENDS tests/fuzz/*_fuzz.c)
foreach(source ${COAX_FUZZ_SOURCES})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_include_directories(${name} PRIVATE src tests)
    target_link_libraries(${name} PRIVATE coax_flags coax_static PkgConfig::GNUTLS PkgConfig::NETTLE)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endforeach()
