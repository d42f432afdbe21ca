# Tests against other people's parsers (tests/oracle): wslay for WebSocket frames, http-parser for HTTP heads. They are
# no part of the library.
file(GLOB COAX_ORACLE_SOURCES CONFIGURE_DEPENDS tests/oracle/*_test.c)
find_library(COAX_WSLAY wslay REQUIRED)
find_library(COAX_HTTP_PARSER http_parser REQUIRED)
foreach(source ${COAX_ORACLE_SOURCES})
    coax_add_test(${source})
    get_filename_component(name ${source} NAME_WE)
    target_link_libraries(${name} PRIVATE ${COAX_WSLAY} ${COAX_HTTP_PARSER})
endforeach()
