// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "model-checking",
    dependencies: [.package(name: "martlet", path: "../..")],
    targets: [
        .executableTarget(
            name: "model-checking", dependencies: [.product(name: "Interleave", package: "martlet")])
    ]
)
