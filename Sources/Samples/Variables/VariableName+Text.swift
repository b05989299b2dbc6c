extension VariableName {
    /// The variable of a name such as `txn.user`, whose number is a new one if the name is. For whoever reads the
    /// configuration.
    public init(_ text: [UInt8]) throws(ArgumentFailure) { self = try ArgumentReader.variable(text, 0) }
}
