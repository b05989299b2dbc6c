MartletSim.main()
