# What `cmake --install` puts in place: headers, both libraries, the manual, and the files by which other projects find
# them: coax.pc for pkg-config, and a package for find_package(coax) with the targets coax::coax and coax::coax_static.
include(CMakePackageConfigHelpers)

install(TARGETS coax_shared coax_static)
install(DIRECTORY include/coax DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

foreach(section 1 3 5 7)
    file(GLOB pages CONFIGURE_DEPENDS man/*.${section})
    if(pages)
        install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
    endif()
endforeach()

# Written relative to the file itself, so that an installed tree can be moved and --prefix can be given late.
set(COAX_PKGCONFIG_DIR ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH COAX_PREFIX_FROM_PKGCONFIG /prefix/${COAX_PKGCONFIG_DIR} /prefix)
configure_file(cmake/coax.pc.in coax.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/coax.pc DESTINATION ${COAX_PKGCONFIG_DIR})

set(COAX_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/coax)
configure_package_config_file(cmake/coax-config.cmake.in coax-config.cmake INSTALL_DESTINATION ${COAX_PACKAGE_DIR}
    PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(coax-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/coax-config.cmake ${PROJECT_BINARY_DIR}/coax-config-version.cmake
    DESTINATION ${COAX_PACKAGE_DIR})
