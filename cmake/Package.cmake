# `cmake --install`: headers, libraries, programs, and find_package(visplay).
include_guard()
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/visplay")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/visplay-config.cmake.in"
                              "${PROJECT_BINARY_DIR}/visplay-config.cmake"
                              INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/visplay-config-version.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/visplay-config.cmake"
              "${PROJECT_BINARY_DIR}/visplay-config-version.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/Dependencies.cmake" "${CMAKE_CURRENT_LIST_DIR}/Torch.cmake"
        DESTINATION "${package_dir}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.ipp" PATTERN "*/impl/*.hpp")
install(EXPORT visplay NAMESPACE visplay:: DESTINATION "${package_dir}" FILE visplay-targets.cmake)
