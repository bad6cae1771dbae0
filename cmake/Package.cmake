# `cmake --install`: headers, libraries, programs, find_package(visplay), pkg-config visplay-core.
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
        FILES_MATCHING PATTERN "*.ipp" PATTERN "*.cuh" PATTERN "*/impl/*.hpp")
install(EXPORT visplay NAMESPACE visplay:: DESTINATION "${package_dir}" FILE visplay-targets.cmake)

# Paths in it are relative to where it lies, so that a package can move.
set(VISPLAY_PKGCONFIG_FLAGS "")
if(VISPLAY_NATIVE)
  set(VISPLAY_PKGCONFIG_FLAGS " -march=native")
endif()
file(RELATIVE_PATH VISPLAY_PKGCONFIG_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file("${CMAKE_CURRENT_LIST_DIR}/visplay-core.pc.in"
               "${PROJECT_BINARY_DIR}/visplay-core.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/visplay-core.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
