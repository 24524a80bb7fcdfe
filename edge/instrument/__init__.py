"""The scale as a weighing instrument 计量器具: its certificate, its checks, its drift, and who may say so."""
