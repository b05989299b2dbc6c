// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target is strictly memory safe, and a warning is an error.
let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
    name: "martlet",
    products: [
        .executable(name: "martlet", targets: ["martlet"]),
        .library(name: "MartletEngine", targets: ["Base", "Buffers", "Engine"]),
        .library(name: "MartletProxy", targets: ["Configuration", "Proxy"]),
        .library(name: "Interleave", targets: ["Interleave"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        // The archive by its name: the program then needs no liburing where it runs.
        .target(
            name: "CPlatform",
            linkerSettings: [
                .linkedLibrary(":liburing.a", .when(platforms: [.linux])),
                .linkedLibrary(":libcrypt.a", .when(platforms: [.linux])),
            ]),
        .target(name: "Base", dependencies: ["CPlatform"], swiftSettings: strict),
        .target(name: "Buffers", dependencies: ["Base"], swiftSettings: strict),
        .target(name: "Engine", dependencies: ["Base", "Buffers", "CPlatform"], swiftSettings: strict),
        .target(name: "HTTP", dependencies: ["Base", "Buffers"], swiftSettings: strict),
        .systemLibrary(name: "CPCRE2", providers: [.apt(["libpcre2-dev"])]),
        .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
        .target(
            name: "Samples", dependencies: ["Base", "Buffers", "HTTP", "CPCRE2", "COpenSSL"], swiftSettings: strict),
        .target(name: "Configuration", dependencies: ["Base", "Samples"], swiftSettings: strict),
        .target(
            name: "Proxy",
            dependencies: [
                "Base", "Buffers", "Engine", "HTTP", "Samples", "Configuration", "CPlatform",
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "martlet",
            dependencies: ["Base", "Buffers", "Engine", "HTTP", "Configuration", "Proxy", "CPlatform"],
            swiftSettings: strict),
        .target(name: "CInterleave"),
        .target(name: "Interleave", dependencies: ["CInterleave"], swiftSettings: strict),
        // The engine's own sources on the cells of the model checker: see docs/engine-tests.md.
        .target(
            name: "EngineModel", dependencies: ["Base", "Buffers", "CPlatform", "Interleave"],
            exclude: ["Model/AtomicCell.swift"], swiftSettings: strict + [.define("MODEL")]),
        .testTarget(
            name: "EngineModelTests", dependencies: ["EngineModel", "Interleave", "Base", "CPlatform"],
            swiftSettings: strict),
        // Operating systems that are played from a seed: see docs/engine-tests.md. Not in the program.
        .target(
            name: "Simulation",
            dependencies: [
                "Base", "Buffers", "Engine", "HTTP", "Configuration", "Proxy", "CPlatform", "CInterleave",
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "martlet-sim",
            dependencies: ["Simulation", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: strict),
        .testTarget(
            name: "SimulationTests", dependencies: ["Simulation", "Engine", "Base", "CPlatform"],
            swiftSettings: strict),
        .testTarget(name: "InterleaveTests", dependencies: ["Interleave", "CInterleave"], swiftSettings: strict),
        .testTarget(name: "BaseTests", dependencies: ["Base"], swiftSettings: strict),
        .testTarget(name: "BuffersTests", dependencies: ["Buffers"], swiftSettings: strict),
        .testTarget(name: "EngineTests", dependencies: ["Engine", "Base", "CPlatform"], swiftSettings: strict),
        .testTarget(name: "HTTPTests", dependencies: ["HTTP", "Buffers"], swiftSettings: strict),
        // Stands before the C library's allocator in the program of the tests, and counts.
        .target(name: "CTestAllocations", path: "Tests/CTestAllocations"),
        .testTarget(
            name: "SamplesTests", dependencies: ["Samples", "HTTP", "Base", "CTestAllocations"],
            exclude: ["Converters/Expected"], swiftSettings: strict),
        .testTarget(
            name: "ConfigurationTests", dependencies: ["Configuration", "Samples", "Base"], swiftSettings: strict),
        .testTarget(
            name: "ProxyTests", dependencies: ["Proxy", "Engine", "HTTP", "Buffers", "Configuration", "Samples"],
            swiftSettings: strict),
        .testTarget(
            name: "MartletTests", dependencies: ["martlet", "Engine", "Base", "Configuration"], swiftSettings: strict),
    ]
)
