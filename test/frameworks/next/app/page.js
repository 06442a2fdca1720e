'use client'
import { useEffect } from 'react'

export default function Page() {
  useEffect(() => {
    import('../page.js')
  }, [])
  return <link rel="icon" href="data:," />
}
