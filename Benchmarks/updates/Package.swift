// swift-tools-version: 6.2
import PackageDescription

// Built with -enable-testing: it measures what only the engine itself calls. `make bench-updates`.
let package = Package(
    name: "updates",
    dependencies: [.package(name: "martlet", path: "../..")],
    targets: [
        .executableTarget(
            name: "updates", dependencies: [.product(name: "MartletEngine", package: "martlet")],
            swiftSettings: [.strictMemorySafety(), .treatAllWarnings(as: .error)])
    ]
)
